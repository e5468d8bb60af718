// Builds a table of orders, writes and reads it as JSON, and groups it: what a small web service does all day.
const orders = Array.from({ length: 70_000 }, (_, i) => ({
  id: i, customer: `c${(i * 7919) % 5000}`, lines: [{ sku: `s${i % 997}`, n: 1 + (i % 4) }, { sku: `s${i % 31}`, n: 2 }],
}));
const again = JSON.parse(JSON.stringify(orders));
const groups = Map.groupBy(again, (order) => order.customer);
console.log("ready", groups.size);
setTimeout(() => console.log(orders.length), 600_000);
