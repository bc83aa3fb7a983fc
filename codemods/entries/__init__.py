"""One edit for lists of all kinds: a list is a row (`EntryList`), its kind says how its text is read and written."""
