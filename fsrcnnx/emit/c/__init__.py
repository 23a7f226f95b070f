"""From the integer network to plain C99: the plan, its writers, and `folder`, the door."""
