-- A page of all tasks in some states: the newest of each state by its index, then the newest of those.
-- Where only some may fit, no more are looked at than `scan`.
{newest}
{below}
