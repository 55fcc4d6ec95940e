"""What minibatches are drawn from: steps of the data, or windows of its episodes."""
