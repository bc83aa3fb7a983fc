"""What a server does while it runs: its processes, its log, its movement, and what it leaves behind."""
