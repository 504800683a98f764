import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * What the tests want of Kafka's own client: a process per member, and one for all administrative commands. Results go to
 * the standard output, a line each; the values of records say what a member shall do with them.
 */
public final class ShareProgram {
    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "member" -> member(arguments);
            case "admin" -> admin(arguments);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
        System.out.flush();
        System.exit(0);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    /** member BOOTSTRAP GROUP TOPIC [name=value ...]: works until a line comes on the standard input. */
    private static void member(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[1]);
        properties.put("group.id", arguments[2]);
        properties.put("share.acknowledgement.mode", "explicit");
        for (String option : Arrays.copyOfRange(arguments, 4, arguments.length)) {
            String[] pair = option.split("=", 2);
            properties.put(pair[0], pair[1]);
        }
        boolean isExplicit = properties.get("share.acknowledgement.mode").equals("explicit");
        StringDeserializer strings = new StringDeserializer();
        try (KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(properties, strings, strings)) {
            consumer.subscribe(List.of(arguments[3].split(",")));
            consumer.setAcknowledgementCommitCallback((offsets, error) -> {
                if (error != null) say("callback " + error.getClass().getSimpleName());
            });
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            say("ready");
            while (!input.ready()) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    handle(consumer, record, isExplicit);
                }
                commit(consumer);
            }
        }
        say("closed");
    }

    private static void handle(
        KafkaShareConsumer<String, String> consumer, ConsumerRecord<String, String> record, boolean isExplicit
    ) throws Exception {
        int deliveries = record.deliveryCount().map(Short::intValue).orElse(-1);
        String place = record.partition() + " " + record.offset() + " " + deliveries + " " + record.value();
        AcknowledgeType type = AcknowledgeType.ACCEPT;
        String wish = record.value().split(" ")[0];
        if (wish.equals("release") && deliveries == 1) type = AcknowledgeType.RELEASE;
        if (wish.equals("never")) type = AcknowledgeType.RELEASE;
        if (wish.equals("reject")) type = AcknowledgeType.REJECT;
        if (wish.equals("die") && deliveries == 1) {
            say("died " + place);
            Runtime.getRuntime().halt(3);
        }
        if (wish.equals("hang") && deliveries == 1) {
            say("hung " + place);
            while (true) Thread.sleep(1000);
        }
        if (wish.equals("renew") && RENEWED.putIfAbsent(record.partition() + " " + record.offset(), 0) == null) {
            type = AcknowledgeType.RENEW;
        }
        if (isExplicit) consumer.acknowledge(record, type);
        say(type.name().toLowerCase() + " " + place);
    }

    private static final Map<String, Integer> RENEWED = new HashMap<>();

    private static void commit(KafkaShareConsumer<String, String> consumer) {
        Map<TopicIdPartition, Optional<KafkaException>> results = consumer.commitSync();
        results.forEach((partition, error) -> error.ifPresent((each) ->
            say("refused " + partition.partition() + " " + each.getClass().getSimpleName())));
    }

    /** admin BOOTSTRAP: runs each line of the standard input as a command, and ends its answer with a line "end". */
    private static void admin(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[1]);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (Admin admin = Admin.create(properties)) {
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                command(admin, line.split(" "));
                say("end");
            }
        }
    }

    private static void command(Admin admin, String[] words) throws Exception {
        String group = words.length > 1 ? words[1] : "";
        switch (words[0]) {
            case "list" -> list(admin);
            case "describe" -> describe(admin, group);
            case "offsets" -> offsets(admin, group);
            case "set-offset" -> {
                TopicPartition partition = new TopicPartition(words[2], Integer.parseInt(words[3]));
                Map<TopicPartition, Long> offsets = Map.of(partition, Long.parseLong(words[4]));
                attempt(() -> admin.alterShareGroupOffsets(group, offsets).all().get());
            }
            case "forget" -> attempt(() -> admin.deleteShareGroupOffsets(group, Set.of(words[2])).all().get());
            case "delete" -> attempt(() -> admin.deleteShareGroups(List.of(group)).all().get());
            case "configure" -> {
                ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, group);
                ConfigEntry entry = new ConfigEntry(words[2], words[3]);
                AlterConfigOp operation = new AlterConfigOp(entry, AlterConfigOp.OpType.SET);
                attempt(() -> admin.incrementalAlterConfigs(Map.of(resource, List.of(operation))).all().get());
            }
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    private interface Work {
        void run() throws Exception;
    }

    private static void attempt(Work work) throws Exception {
        try {
            work.run();
            say("ok");
        } catch (java.util.concurrent.ExecutionException error) {
            say("failed " + error.getCause().getClass().getSimpleName());
        }
    }

    private static void list(Admin admin) throws Exception {
        List<String> lines = new ArrayList<>();
        for (var group : admin.listGroups(ListGroupsOptions.forShareGroups()).all().get()) {
            lines.add(group.groupId() + " " + group.type().orElse(GroupType.UNKNOWN) + " " + group.protocol() + " "
                + group.groupState().map(Object::toString).orElse("-"));
        }
        lines.stream().sorted().forEach(ShareProgram::say);
    }

    private static void describe(Admin admin, String groupId) throws Exception {
        attempt(() -> {
            var group = admin.describeShareGroups(List.of(groupId)).all().get().get(groupId);
            say(group.groupState() + " " + group.members().size());
            for (var member : group.members()) {
                List<String> partitions = new ArrayList<>();
                member.assignment().topicPartitions().forEach((each) -> partitions.add(each.toString()));
                say("member " + String.join(",", partitions.stream().sorted().toList()));
            }
        });
    }

    private static void offsets(Admin admin, String groupId) throws Exception {
        attempt(() -> {
            var spec = Map.of(groupId, new ListShareGroupOffsetsSpec());
            var offsets = admin.listShareGroupOffsets(spec).partitionsToOffsetInfo(groupId).get();
            var sorted = new TreeMap<String, String>();
            offsets.forEach((partition, info) ->
                sorted.put(partition.toString(), info == null ? "none" : info.startOffset() + " lag " + info.lag().map(Object::toString).orElse("-")));
            sorted.forEach((partition, text) -> say(partition + " " + text));
        });
    }
}
