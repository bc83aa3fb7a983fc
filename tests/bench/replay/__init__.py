"""What upstream added to its lists, release by release, added by the codemods: none refused, entries and places."""
