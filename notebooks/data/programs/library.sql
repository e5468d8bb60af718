-- Fills the database that lookups.sql asks: books by number, and an index by author and year.
create table book(id integer primary key, title text, author text, year integer);
with recursive n(i) as (select 0 union all select i + 1 from n where i < 399999)
  insert into book select i, 'title ' || (i * 7919 % 400009) || ' of many', 'author ' || (i * 31 % 4099), 1900 + i % 120 from n;
create index by_author on book(author, year);
