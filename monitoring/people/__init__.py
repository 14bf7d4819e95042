"""Known people: who is enrolled, by which looks, what they are called; naming, contesting and erasing them."""
