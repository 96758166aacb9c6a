"""What is wrong with facts. Pure: every fault can be given to a check as a record."""
