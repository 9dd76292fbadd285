/** Above this a message read whole waits for its turn. */
export const largeMessageBytes = 1_048_576;
