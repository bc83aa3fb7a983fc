"""Optional pieces of grouped-query attention, each in one function that brings all of its code."""
