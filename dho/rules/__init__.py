"""What a rule can be: `rule` says what all have, one file each what a kind looks at, and `kinds` is the table of them."""
