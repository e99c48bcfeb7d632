"""What rules tell of people whose poses are known, and how soon. For `event_score`."""
