"""The operator's canary: an account that mails itself, so that the whole chain is measured from the outside.

In: how the account's subscription stands (a gateway verb), and the tokens that the delivery of its notifications hands over.
Out: mail, one at a time; a state, and a sentence where the chain is broken; facts. Nothing here is told by the parts that are
measured but that last step.
"""
