"""What is said to people: suggestions for misspelt names, and what public objects show of themselves."""
