package roundtrip;

import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.Supplier;

import software.amazon.awssdk.awscore.exception.AwsServiceException;

/** What the checks are made of: comparisons that throw a {@link Failure}, and waiting. */
final class Expect {

    private static final Duration PAUSE = Duration.ofMillis(50);
    private static final int POLLS = 200;
    private static final Duration CLOCK_TOLERANCE = Duration.ofMinutes(10);
    private static final int REQUEST_ID_LENGTH = 36;

    /** A check that did not pass; the message says what, the expected and the actual. */
    static final class Failure extends RuntimeException {
        Failure(String what, Object expected, Object actual) {
            super(what + ": expected " + expected + ", actual " + actual);
        }
    }

    static void equal(String what, Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new Failure(what, expected, actual);
        }
    }

    static void that(boolean holds, String what, String expected, Object actual) {
        if (!holds) {
            throw new Failure(what, expected, actual);
        }
    }

    static void recent(String what, Instant actual) {
        Instant now = Instant.now();
        that(actual != null && Duration.between(actual, now).abs().compareTo(CLOCK_TOLERANCE) < 0,
            what, "within 10 minutes of " + now, actual);
    }

    /** The call must fail with exactly this type of exception, which the caller examines further. */
    static <E extends AwsServiceException> E error(String what, Class<E> type, Runnable call) {
        AwsServiceException error = errorOf(what, type, call);
        equal(what + ", exception", type.getName(), error.getClass().getName());
        String id = error.requestId();
        that(id != null && id.length() == REQUEST_ID_LENGTH,
            what + ", request id", "of " + REQUEST_ID_LENGTH + " characters", id);
        return type.cast(error);
    }

    static void error(String what, Class<? extends AwsServiceException> type, String message, Runnable call) {
        equal(what + ", message", message, error(what, type, call).awsErrorDetails().errorMessage());
    }

    private static AwsServiceException errorOf(String what, Class<?> type, Runnable call) {
        try {
            call.run();
        } catch (AwsServiceException error) {
            return error;
        }
        throw new Failure(what, type.getSimpleName(), "success");
    }

    /** Reads until the value is as wanted, and returns it. */
    static <T> T eventually(String what, String expected, Supplier<T> read, Predicate<T> wanted) {
        T value = read.get();
        for (int poll = 1; !wanted.test(value); poll++) {
            if (poll == POLLS) {
                throw new Failure(what + " after " + POLLS + " polls", expected, value);
            }
            pause(PAUSE);
            value = read.get();
        }
        return value;
    }

    static void pause(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private Expect() {
    }
}
