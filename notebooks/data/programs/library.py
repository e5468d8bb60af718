# Fills a database in memory, indexes it, and keeps the rows of a query: an ordinary report job.
import sqlite3, time
db = sqlite3.connect(":memory:")
db.execute("create table book(id integer primary key, title text, author text, year integer)")
db.executemany("insert into book values(?,?,?,?)",
               ((i, f"title {i * 7919 % 100003} of many", f"author {i % 4099}", 1900 + i % 120) for i in range(400_000)))
db.execute("create index by_author on book(author, year)")
rows = db.execute("select author, year, title from book where year > 1990 order by author").fetchall()
print("ready", len(rows), flush=True)
time.sleep(600)
