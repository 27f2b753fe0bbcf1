"""The HTTP front door of a centre, for children and for people; nothing else knows HTTP."""
