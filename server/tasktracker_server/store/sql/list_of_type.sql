-- A page of the tasks of one type in some states, as `list`, by the index of types.
{newest}
          and task_type = %(task_type)s
{below}
