-- Asks the database of library.sql for books in no order, half by number and half by author, from a cache that holds it all.
pragma cache_size = -200000;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000)
  select sum(length(title)) from n join book on book.id = n.i * 265443 % 400000;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 800)
  select sum(length(title)) from n join book on author = 'author ' || (n.i * 265443 % 4099) and year > 1960;
