"""A picture, and how its file is read and written; imaging is the door to them."""
