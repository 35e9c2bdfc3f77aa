package pitfalls.bench;

import io.undertow.Version;
import io.vertx.core.impl.launcher.commands.VersionCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.eclipse.jetty.util.Jetty;

/** A reverse proxy that is measured, in a process of its own, with the settings that {@code docs/speed.md} tells. */
enum Peer {
    OURS("this proxy", null, null) {
        @Override
        List<String> command(Place place, List<String> jvm) {
            List<String> command = Files.exists(JAR)
                    ? java(jvm, "-XX:SharedArchiveFile=" + ARCHIVE, "-jar", JAR.toString())
                    : program(jvm);
            command.addAll(List.of(
                    "--listen=127.0.0.1:" + place.port(),
                    "--target=127.0.0.1:" + place.target(),
                    "--max-upstream-connections=4096"));
            if (place.tls() != null)
                command.addAll(List.of("--tls-certificate=" + place.tls(), "--tls-key=" + place.tls()));
            return command;
        }

        @Override
        String version(Path folder) {
            return "";
        }
    },
    JETTY("bare Jetty", null, null) {
        @Override
        List<String> command(Place place, List<String> jvm) {
            return other("jetty", place, jvm);
        }

        @Override
        String version(Path folder) {
            return Jetty.VERSION;
        }
    },
    UNDERTOW("Undertow", null, null) {
        @Override
        List<String> command(Place place, List<String> jvm) {
            return other("undertow", place, jvm);
        }

        @Override
        String version(Path folder) {
            return Version.getVersionString().replace(".Final", "");
        }
    },
    VERTX("Vert.x", null, null) {
        @Override
        List<String> command(Place place, List<String> jvm) {
            return other("vertx", place, jvm);
        }

        @Override
        String version(Path folder) {
            return VersionCommand.getVersion();
        }
    },
    NGINX("nginx", "nginx", "-v") {
        @Override
        List<String> command(Place place, List<String> jvm) throws IOException {
            String listen = place.tls() == null
                    ? "listen 127.0.0.1:" + place.port() + " backlog=4096;"
                    : "listen 127.0.0.1:%d ssl http2 backlog=4096; ssl_certificate %2$s; ssl_certificate_key %2$s;"
                            .formatted(place.port(), place.tls());
            return nginx(place.folder(), """
                    upstream leader { server 127.0.0.1:%d; keepalive 4096; keepalive_requests 100000000; }
                    client_max_body_size 0; proxy_request_buffering off;
                    server { %s location / {
                      proxy_pass http://leader; proxy_http_version 1.1; proxy_set_header Connection '';
                    } }
                    """.formatted(place.target(), listen));
        }
    },
    HAPROXY("HAProxy", "haproxy", "-v") {
        @Override
        List<String> command(Place place, List<String> jvm) throws IOException {
            Path config = place.folder().resolve("haproxy.cfg");
            Files.writeString(config, """
                    global
                      maxconn 9000
                    defaults
                      mode http
                      timeout connect 5s
                      timeout client 1m
                      timeout server 1m
                    listen all
                      bind 127.0.0.1:%d%s
                      server leader 127.0.0.1:%d
                    """.formatted(
                            place.port(),
                            place.tls() == null ? "" : " ssl crt " + place.tls() + " alpn h2,http/1.1",
                            place.target()));
            return List.of(find(), "-db", "-f", config.toString());
        }
    },
    CADDY("Caddy", "caddy", "version") {
        @Override
        List<String> command(Place place, List<String> jvm) throws IOException {
            Path config = place.folder().resolve("Caddyfile");
            Files.writeString(config, """
                    {
                      admin off
                      auto_https off
                      default_sni 127.0.0.1
                    }
                    %s://127.0.0.1:%d {
                      bind 127.0.0.1
                      %s
                      reverse_proxy 127.0.0.1:%d {
                        transport http {
                          keepalive_idle_conns_per_host 4096
                        }
                      }
                    }
                    """.formatted(
                            place.tls() == null ? "http" : "https",
                            place.port(),
                            place.tls() == null ? "" : "tls %1$s %1$s".formatted(place.tls()),
                            place.target()));
            return List.of(find(), "run", "--adapter", "caddyfile", "--config", config.toString());
        }
    };

    static final String CLASSES = System.getProperty("java.class.path");
    static final Path JAR = Path.of("../../step-07-streaming/target/reverse-proxy.jar")
            .toAbsolutePath()
            .normalize();
    private static final Path ARCHIVE = JAR.resolveSibling("reverse-proxy.jsa");
    private static final Pattern VERSION = Pattern.compile("\\d+\\.\\d+\\.\\d+");

    private final String title;
    private final String program;
    private final String versionOption;

    Peer(String title, String program, String versionOption) {
        this.title = title;
        this.program = program;
        this.versionOption = versionOption;
    }

    /**
     * Where a proxy runs.
     *
     * @param folder for its files
     * @param port to listen on, at loopback
     * @param target the upstream's port
     * @param tls the file of a certificate and its key, with which it listens for HTTP/2, or {@code null} for HTTP/1.1 without TLS
     */
    record Place(Path folder, int port, int target, Path tls) {}

    /** What starts it; the options are for a JVM. */
    abstract List<String> command(Place place, List<String> jvm) throws IOException;

    /** {@return those that are installed} */
    static List<Peer> installed() {
        return Arrays.stream(values())
                .filter(peer -> peer.program == null || find(peer.program).isPresent())
                .toList();
    }

    boolean isJava() {
        return program == null;
    }

    String title() {
        return title;
    }

    String version(Path folder) throws IOException, InterruptedException {
        Path out = folder.resolve("version");
        new ProcessBuilder(find(), versionOption)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start()
                .waitFor();
        Matcher version = VERSION.matcher(Files.readString(out));
        return version.find() ? version.group() : "";
    }

    final String find() {
        return find(program).orElseThrow();
    }

    /** Where a program of the machine's is. */
    static Optional<String> find(String program) {
        return Stream.of((System.getenv("PATH") + ":/usr/local/sbin:/usr/sbin").split(":"))
                .map(place -> Path.of(place, program))
                .filter(Files::isExecutable)
                .map(Path::toString)
                .findFirst();
    }

    /** A command that starts nginx with this in its block {@code http}. */
    static List<String> nginx(Path folder, String http) throws IOException {
        Path config = Files.writeString(folder.resolve("nginx.conf"), """
                daemon off; pid %1$s/nginx.pid; error_log %1$s/nginx.log; worker_processes auto;
                worker_rlimit_nofile 20000;
                events { worker_connections 9000; }
                http {
                  access_log off; keepalive_requests 100000000;
                  client_body_temp_path %1$s/b; proxy_temp_path %1$s/p; fastcgi_temp_path %1$s/f;
                  uwsgi_temp_path %1$s/u; scgi_temp_path %1$s/s;
                  %2$s
                }
                """.formatted(folder, http));
        return List.of(
                find("nginx").orElseThrow(),
                "-e",
                folder + "/nginx-start.log",
                "-p",
                folder.toString(),
                "-c",
                config.toString());
    }

    /** Our program as it is compiled now, for which its options are still missing. */
    static List<String> program(List<String> jvm) {
        return java(jvm, "-classpath", CLASSES, "pitfalls.program.ReverseProxy");
    }

    /** A command that runs something in the Java of this process, with these options for it. */
    static List<String> java(List<String> jvm, String... what) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(jvm);
        command.addAll(List.of(what));
        return command;
    }

    private static List<String> other(String name, Place place, List<String> jvm) {
        List<String> command = java(jvm, "-classpath", CLASSES, Others.class.getName(), name);
        command.addAll(List.of(String.valueOf(place.port()), String.valueOf(place.target())));
        command.add(place.tls() == null ? "-" : place.tls().toString());
        return command;
    }
}
