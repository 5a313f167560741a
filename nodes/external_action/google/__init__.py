"""Google's APIs: access, the calendar's events, who is busy."""
