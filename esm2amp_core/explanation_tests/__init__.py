"""What tests of explanations found: does what they say hold for the model, would they say it of anything?

Every noun is made by the module of the same name in ``explain``; reading them needs no torch.
"""
