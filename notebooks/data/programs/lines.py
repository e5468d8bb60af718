# Prints lines to sort: a key of 12 letters that says nothing about where the line stands, and some text behind it.
import random, sys
random.seed(1)
for i in range(int(sys.argv[1])):
    print("".join(chr(97 + random.getrandbits(4)) for _ in range(12)), "line", i, "of many")
