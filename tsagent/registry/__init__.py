"""Which modules there are, what each says of itself, and how one is loaded when it is needed."""
