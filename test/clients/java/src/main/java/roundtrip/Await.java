package roundtrip;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Waiting for an asynchronous call as if it were a synchronous one. */
final class Await {

    /** The result, or the exception of the call itself; the client's own timeout bounds the wait. */
    static <T> T result(CompletableFuture<T> call) {
        try {
            return call.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    private Await() {
    }
}
