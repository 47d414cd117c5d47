package kcl;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;

import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;

/** Prints what it is given of a shard, and sets the checkpoint behind it. */
final class Printer implements ShardRecordProcessor {

    private final String worker;
    private final CountDownLatch remaining;
    private String shard;

    Printer(String worker, CountDownLatch remaining) {
        this.worker = worker;
        this.remaining = remaining;
    }

    /** A line at a time: shards are processed side by side. */
    static void print(String... words) {
        synchronized (System.out) {
            System.out.println(String.join(" ", words));
        }
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.shardId();
        print(worker, "start", shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        input.records().forEach(record -> {
            String data = StandardCharsets.UTF_8.decode(record.data()).toString();
            print(worker, "record", shard, record.sequenceNumber(), data);
        });
        if (!input.records().isEmpty()) {
            checkpoint(input.checkpointer());
            input.records().forEach(record -> remaining.countDown());
        }
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
        print(worker, "lost", shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        print(worker, "end", shard);
        checkpoint(input.checkpointer());
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        checkpoint(input.checkpointer());
    }

    private void checkpoint(RecordProcessorCheckpointer checkpointer) {
        try {
            checkpointer.checkpoint();
        } catch (InvalidStateException | ShutdownException error) {
            throw new IllegalStateException(error);
        }
    }
}
