"""The supervision centre: takes what child nodes send, shows it to people, sends orders.

What a child sends is stored byte for byte and mirrored; it is never judged again here. Every view
passes `tiers.visible_nodes`, every change is journalled in the transaction that makes it, and
nobody is answered before the commit.
"""
