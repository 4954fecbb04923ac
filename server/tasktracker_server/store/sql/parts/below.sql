-- How they go on: from the page's place on, as many as are looked at, then the newest of them all.
          and (created_at, ord) < (timestamptz 'epoch' + %(before)s * interval '1 millisecond', %(within)s)
          and created_at >= timestamptz 'epoch' + %(after)s * interval '1 millisecond'
        order by created_at desc, ord desc limit %(scan)s
    ) t
    order by t.created_at desc, t.ord desc limit %(scan)s
),
{page}
