"""A double of oxwhirl's smac, by its documented interface alone."""
