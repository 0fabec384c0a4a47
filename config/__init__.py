"""What the office decides, as data: settings, policy, organisation, calendar, message texts."""
