"""What is shown to people: the demo, tables of results, model cards."""
