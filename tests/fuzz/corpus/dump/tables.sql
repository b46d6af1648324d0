t--
-- PostgreSQL database dump
--

\restrict abc

SET statement_timeout = 0;
COPY public.users (id, "e mail") FROM stdin;
1	anna
2	COPY a.b (c) FROM stdin;
\.


-- Data for Name: odd; it's
COPY "s'1"."odd ""name""
(" ("a) FROM stdin;", "b
", c) FROM stdin;
\\.
COPY x (y) FROM stdin;

\.


COPY public.bare  FROM stdin;


\.


SELECT pg_catalog.setval('public."s''
COPY x"', 3, true);
COPY public.last (a) FROM stdin;
x
\.
