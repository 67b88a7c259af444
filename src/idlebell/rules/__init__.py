"""What rings and what is said of it. Pure: subscriptions and messages in, drafts of notifications out."""
