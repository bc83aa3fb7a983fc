"""What changes the world: apply, gates, twin, commit, undo."""
