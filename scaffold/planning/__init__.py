"""From a request to one change set; nothing is written."""
