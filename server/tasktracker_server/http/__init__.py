"""HTTP: translates requests and answers; decides nothing."""
