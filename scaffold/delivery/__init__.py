"""What goes into the delivery repo, and the one signed-off commit."""
