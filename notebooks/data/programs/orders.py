# Makes orders, writes them as JSON, reads them back and sums them up: what many a service does all day.
import json, random
random.seed(1)
orders = [{"id": i, "customer": f"customer {random.randrange(9973)}", "paid": i % 3 == 0,
           "items": [{"sku": random.randrange(10**6), "price": random.random() * 100} for _ in range(4)]}
          for i in range(10_000)]
again = json.loads(json.dumps(orders))
spent = {}
for order in again:
    spent[order["customer"]] = spent.get(order["customer"], 0) + sum(item["price"] for item in order["items"])
print(len(spent), round(sum(spent.values()), 2))
