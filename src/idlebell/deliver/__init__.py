"""From the outbox to the push services: what is due is leased, sent and settled. One slow service delays no other."""
