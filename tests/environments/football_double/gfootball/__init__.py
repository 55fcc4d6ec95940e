"""A double of gfootball for tests: its interface as far as it is used, and a game that is a list of positions."""
