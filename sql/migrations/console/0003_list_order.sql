-- A page in these orders reads no more than itself: tests/system/test_plans.py.

CREATE INDEX peers_name ON peers (name, id);
CREATE INDEX people_created ON people (created_at, id);
