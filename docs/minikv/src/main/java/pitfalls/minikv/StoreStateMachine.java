package pitfalls.minikv;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.CompletableFuture;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.storage.FileInfo;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.statemachine.impl.BaseStateMachine;
import org.apache.ratis.statemachine.impl.SimpleStateMachineStorage;
import org.apache.ratis.statemachine.impl.SingleFileSnapshotInfo;
import org.apache.ratis.util.LifeCycle;
import org.apache.ratis.util.MD5FileUtil;

/** What Raft asks of a {@link Store}: apply what a majority has, write snapshots, and begin with one. */
final class StoreStateMachine extends BaseStateMachine {
    private final SimpleStateMachineStorage storage = new SimpleStateMachineStorage();
    private final Store store;

    StoreStateMachine(Store store) {
        this.store = store;
    }

    @Override
    public void initialize(RaftServer server, RaftGroupId group, RaftStorage raftStorage) throws IOException {
        getLifeCycle().startAndTransition(() -> {
            super.initialize(server, group, raftStorage);
            storage.init(raftStorage);
            load();
        });
    }

    @Override
    public void pause() {
        getLifeCycle().transition(LifeCycle.State.PAUSING);
        getLifeCycle().transition(LifeCycle.State.PAUSED);
    }

    /** Called when the leader has sent a snapshot, because it has no longer what this node has missed. */
    @Override
    public void reinitialize() throws IOException {
        load();
        if (getLifeCycleState() != LifeCycle.State.PAUSED) return;
        getLifeCycle().transition(LifeCycle.State.STARTING);
        getLifeCycle().transition(LifeCycle.State.RUNNING);
    }

    private void load() throws IOException {
        SingleFileSnapshotInfo snapshot = storage.loadLatestSnapshot();
        if (snapshot == null) return;
        Path file = snapshot.getFile().getPath();
        var expected =
                snapshot.getFile().getFileDigest(); // there is none if the node was killed just before it was written
        if (expected != null && !expected.equals(MD5FileUtil.computeMd5ForFile(file.toFile()))) {
            throw new IOException("the snapshot " + file
                    + " is not what was written: take it away, so that the node gets" + " another one from the others");
        }
        try (var in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            store.readFrom(in);
        }
        setLastAppliedTermIndex(snapshot.getTermIndex());
    }

    @Override
    public long takeSnapshot() throws IOException {
        TermIndex last = getLastAppliedTermIndex();
        File file = storage.getSnapshotFile(last.getTerm(), last.getIndex());
        Path unfinished = file.toPath().resolveSibling(file.getName() + ".tmp");
        try (var stream = new FileOutputStream(unfinished.toFile());
                var out = new DataOutputStream(new BufferedOutputStream(stream))) {
            store.writeTo(out);
            out.flush();
            stream.getFD().sync(); // before Raft forgets the log that it stands for
        }
        Files.move(unfinished, file.toPath(), StandardCopyOption.ATOMIC_MOVE);
        var info = new FileInfo(file.toPath(), MD5FileUtil.computeAndSaveMd5ForFile(file));
        storage.updateLatestSnapshot(new SingleFileSnapshotInfo(info, last));
        return last.getIndex();
    }

    @Override
    public SimpleStateMachineStorage getStateMachineStorage() {
        return storage;
    }

    /** Called by one thread, in the order of the log, with what a majority has. */
    @Override
    public CompletableFuture<Message> applyTransaction(TransactionContext transaction) {
        var entry = transaction.getLogEntry();
        byte[] command = entry.getStateMachineLogEntry().getLogData().toByteArray();
        Outcome outcome = store.apply(entry.getIndex(), Command.decode(command));
        updateLastAppliedTermIndex(entry.getTerm(), entry.getIndex());
        return CompletableFuture.completedFuture(Message.valueOf(outcome.toString()));
    }

    /** Called when all that had been acknowledged before the question was applied here: then the {@link Store} may be read. */
    @Override
    public CompletableFuture<Message> query(Message question) {
        return CompletableFuture.completedFuture(Message.EMPTY);
    }
}
