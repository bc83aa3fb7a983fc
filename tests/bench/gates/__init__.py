"""Real faults of real servers, and what the gates say of them."""
