"""What stages found out, as values that verdicts keep."""
