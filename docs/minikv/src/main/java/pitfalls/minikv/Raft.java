package pitfalls.minikv;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.server.RaftServerConfigKeys.Read;
import org.apache.ratis.server.storage.RaftStorage.StartupOption;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;
import org.apache.ratis.util.SizeInBytes;
import org.apache.ratis.util.TimeDuration;
import org.eclipse.jetty.util.component.AbstractLifeCycle;

/**
 * This node's part in Raft, by Apache Ratis: who leads, and what a majority has. Its log is kept in a folder, so that a node that was
 * killed comes back with what it had.
 *
 * <p>A leader that does not hear of a majority for two seconds gives up. Without a word from the leader, the others elect a new one
 * after 0.5 to 1 s.
 */
final class Raft extends AbstractLifeCycle {
    /** After that time, nobody waits for a majority any longer. */
    static final Duration PATIENCE = Duration.ofSeconds(2);

    private static final RaftGroupId GROUP =
            RaftGroupId.valueOf(UUID.nameUUIDFromBytes(new byte[] {'m', 'i', 'n', 'i', 'k', 'v'}));

    private static final int CALLERS = 16;
    private static final Logger GRPC =
            Logger.getLogger("org.apache.ratis.thirdparty"); // kept, or its level is forgotten

    static {
        GRPC.setLevel(Level.WARNING);
    }

    private final Member self;
    private final List<Member> members;
    private final Path folder;
    private final Store store;
    private final ClientId clientId = ClientId.randomId();
    private final AtomicLong calls = new AtomicLong();

    /** They may have to wait for Ratis's locks, which a leader that gives up after a pause keeps for seconds. So no thread of HTTP does. */
    private final ExecutorService callers = Executors.newFixedThreadPool(CALLERS, task -> {
        var thread = new Thread(task, "raft call");
        thread.setDaemon(true);
        return thread;
    });

    private RaftServer server;
    private int snapshotEach = 10_000;
    private String segmentSize = "4MB";

    /**
     * Not started yet.
     *
     * @param self this node
     * @param members all of them, this one included
     * @param folder where the log is kept; it is made if there is none
     * @param store is given what a majority has
     */
    Raft(Member self, List<Member> members, Path folder, Store store) {
        this.self = self;
        this.members = members;
        this.folder = folder;
        this.store = store;
    }

    /**
     * What a node knows of the cluster at this moment. It may be wrong about the others: a node that was cut off hears of a new leader
     * later.
     *
     * @param role {@code leader}, {@code follower} or {@code candidate}
     * @param term which term it is in
     * @param leader the id of the leader, {@code null} if it knows none
     * @param committed the last index of the log that a majority has
     * @param applied the last one that this node has applied
     */
    record Status(String role, long term, String leader, long committed, long applied) {}

    @Override
    protected void doStart() throws IOException {
        var peers = members.stream()
                .map(member -> RaftPeer.newBuilder()
                        .setId(member.id())
                        .setAddress(member.raft().toString())
                        .build())
                .toList();
        server = RaftServer.newBuilder()
                .setServerId(RaftPeerId.valueOf(self.id()))
                .setGroup(RaftGroup.valueOf(GROUP, peers))
                .setStateMachine(new StoreStateMachine(store))
                .setOption(StartupOption.RECOVER)
                .setProperties(properties())
                .build();
        server.start();
    }

    @Override
    protected void doStop() throws IOException {
        server.close();
        callers.shutdownNow();
    }

    private RaftProperties properties() {
        var properties = new RaftProperties();
        File storage = folder.toFile();
        RaftServerConfigKeys.setStorageDir(properties, List.of(storage));
        RaftServerConfigKeys.setRemovedGroupsDir(properties, new File(storage, "removed"));
        // A node that was stopped for an hour goes on as a follower. By default it would end its Raft, and nothing
        // else.
        RaftServerConfigKeys.setCloseThreshold(properties, TimeDuration.valueOf(365, TimeUnit.DAYS));
        RaftServerConfigKeys.Rpc.setTimeoutMin(properties, ms(500));
        RaftServerConfigKeys.Rpc.setTimeoutMax(properties, ms(1000));
        RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMin(properties, ms(150));
        RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMax(properties, ms(400));
        RaftServerConfigKeys.Rpc.setRequestTimeout(properties, ms(1000));
        RaftServerConfigKeys.LeaderElection.setLeaderStepDownWaitTime(properties, ms(PATIENCE.toMillis()));
        Read.setOption(properties, Read.Option.LINEARIZABLE);
        Read.setTimeout(properties, ms(PATIENCE.toMillis()));
        // The log as a whole: small, since its commands are, and shortened by snapshots.
        RaftServerConfigKeys.Log.setSegmentSizeMax(properties, SizeInBytes.valueOf(segmentSize));
        RaftServerConfigKeys.Log.setPreallocatedSize(properties, SizeInBytes.valueOf("16KB"));
        RaftServerConfigKeys.Log.setWriteBufferSize(properties, SizeInBytes.valueOf("1MB"));
        RaftServerConfigKeys.Log.Appender.setBufferByteLimit(properties, SizeInBytes.valueOf("512KB"));
        RaftServerConfigKeys.Log.setSegmentCacheNumMax(properties, 2);
        // By default a follower that is writing a batch acknowledges without looking another one with the same first
        // entry. When a leader sends again, that one is often longer: then its rest is lost, and counts all the same.
        RaftServerConfigKeys.Log.setAppendEntriesComposeEnabled(properties, false);
        RaftServerConfigKeys.Log.setPurgeUptoSnapshotIndex(properties, true);
        RaftServerConfigKeys.Log.setPurgeGap(properties, snapshotEach);
        RaftServerConfigKeys.Snapshot.setAutoTriggerEnabled(properties, true);
        RaftServerConfigKeys.Snapshot.setAutoTriggerThreshold(properties, snapshotEach);
        RaftServerConfigKeys.Snapshot.setRetentionFileNum(properties, 2);
        GrpcConfigKeys.Server.setHost(properties, self.raft().host());
        GrpcConfigKeys.Server.setPort(properties, self.raft().port());
        return properties;
    }

    private static TimeDuration ms(long time) {
        return TimeDuration.valueOf(time, TimeUnit.MILLISECONDS);
    }

    /** For tests, which do not make ten thousand changes: after how many of them a snapshot is taken, and the log before it forgotten. */
    void setSnapshotEach(int snapshotEach) {
        this.snapshotEach = snapshotEach;
        segmentSize = "16KB"; // only whole segments of the log are forgotten
    }

    /** Whether this node leads, as far as it knows. */
    boolean isLeader() {
        return info().map(DivisionInfo::isLeader).orElse(false);
    }

    /** Whether this node leads, and may answer: it has applied all that was acknowledged by leaders before it. */
    boolean isReady() {
        return info().map(DivisionInfo::isLeaderReady).orElse(false);
    }

    /** The member that leads, as far as this node knows. */
    Optional<Member> leader() {
        return info().map(DivisionInfo::getLeaderId)
                .flatMap(id -> members.stream()
                        .filter(member -> member.id().equals(id.toString()))
                        .findFirst());
    }

    /** What this node knows. */
    Status status() {
        return info().map(info -> new Status(
                        info.getCurrentRole().name().toLowerCase(Locale.ROOT),
                        info.getCurrentTerm(),
                        leader().map(Member::id).orElse(null),
                        committed(),
                        info.getLastAppliedIndex()))
                .orElse(new Status("starting", 0, null, 0, 0));
    }

    private long committed() {
        try {
            return server.getDivision(GROUP).getRaftLog().getLastCommittedIndex();
        } catch (IOException x) {
            return 0;
        }
    }

    private Optional<DivisionInfo> info() {
        try {
            return Optional.of(server.getDivision(GROUP).getInfo());
        } catch (IOException x) {
            return Optional.empty(); // it has not come so far yet
        }
    }

    /**
     * Has a majority take the command, if this node leads.
     *
     * @return its outcome. It fails if that is not known within {@link #PATIENCE}, which says nothing about whether the command will be
     *     applied
     */
    CompletableFuture<Outcome> submit(Command command) {
        var message = Message.valueOf(UnsafeByteOperations.unsafeWrap(command.encode()));
        return send(message, RaftClientRequest.writeRequestType())
                .thenApply(
                        reply -> Outcome.parse(reply.getMessage().getContent().toStringUtf8()));
    }

    /**
     * Waits until the store has all that anybody was told before now, if this node leads: a majority confirms that it still does.
     *
     * @return ends when the store may be read, and fails if that is not so within {@link #PATIENCE}
     */
    CompletableFuture<Void> catchUp() {
        return send(Message.EMPTY, RaftClientRequest.readRequestType()).thenAccept(reply -> {});
    }

    private CompletableFuture<RaftClientReply> send(Message message, RaftClientRequest.Type type) {
        var request = RaftClientRequest.newBuilder()
                .setClientId(clientId)
                .setServerId(RaftPeerId.valueOf(self.id()))
                .setGroupId(GROUP)
                .setCallId(calls.incrementAndGet())
                .setMessage(message)
                .setType(type)
                .build();
        return CompletableFuture.supplyAsync(() -> submit(request), callers)
                .thenCompose(Function.identity())
                .thenApply(Raft::successOf)
                .orTimeout(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }

    private CompletableFuture<RaftClientReply> submit(RaftClientRequest request) {
        try {
            return server.submitClientRequestAsync(request);
        } catch (IOException x) {
            return CompletableFuture.failedFuture(x);
        }
    }

    private static RaftClientReply successOf(RaftClientReply reply) {
        if (reply.isSuccess()) return reply;
        throw new IllegalStateException("Raft says: " + reply.getException(), reply.getException());
    }
}
