"""What was found out and shown of a model, for people: the report, the runbook, and a comment for its issue."""
