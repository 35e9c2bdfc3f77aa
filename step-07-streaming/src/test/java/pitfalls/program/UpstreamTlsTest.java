package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import okhttp3.tls.HeldCertificate;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.support.LoopbackTest;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;
import pitfalls.support.TestAuthority;

/** The options for TLS towards upstreams, as they work on the wire. */
@Slow
class UpstreamTlsTest implements LoopbackTest {
    @TempDir
    private Path folder;

    /** Tells the client who it is. */
    private static ScriptedUpstream upstreamFor(String name) throws Exception {
        return loopback.scripted(TestAuthority.upstream(name), connection -> {
            connection.receiveRequest();
            String who = nameOf(connection.tlsSession());
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + who.length() + "\r\n\r\n" + who);
        });
    }

    private static String nameOf(SSLSession session) {
        try {
            return session.getPeerPrincipal().getName();
        } catch (SSLPeerUnverifiedException none) {
            return "nobody";
        }
    }

    private URI serve(String... options) throws Exception {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs(options);
        return loopback.serve(program.newProxy());
    }

    private Path write(String name, String... pem) throws Exception {
        return Files.writeString(folder.resolve(name), String.join("", pem));
    }

    @Test
    void an_upstream_of_an_unknown_authority_is_not_trusted() throws Exception {
        var upstream = upstreamFor("127.0.0.1");

        var response = loopback.connect(serve("--target=" + upstream.target()))
                .sendRequest("GET /x")
                .receiveResponse();

        assertThat(response.status()).isEqualTo(502);
        assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=tls_certificate_error");
    }

    @Test
    void an_upstream_of_the_authority_in_a_file_is_trusted() throws Exception {
        var upstream = upstreamFor("127.0.0.1");
        String authority = TestAuthority.root().certificatePem();
        Path ca = write(
                "ca.pem",
                "an authority of ours\n",
                authority,
                new HeldCertificate.Builder().build().certificatePem());

        var response = loopback.connect(serve("--target=" + upstream.target(), "--upstream-ca=" + ca))
                .sendRequest("GET /x")
                .receiveResponse();

        assertThat(response.status()).isEqualTo(200);
        assertThat(response.body()).isEqualTo("nobody");
    }

    @Test
    void an_upstream_with_the_certificate_of_another_host_is_not_trusted() throws Exception {
        var upstream = upstreamFor("other.internal");
        Path ca = write("ca.pem", TestAuthority.root().certificatePem());

        var response = loopback.connect(serve("--target=" + upstream.target(), "--upstream-ca=" + ca))
                .sendRequest("GET /x")
                .receiveResponse();

        assertThat(response.status()).isEqualTo(502);
        assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=tls_certificate_error");
    }

    @TestFactory
    Stream<DynamicTest> an_upstream_learns_who_the_proxy_is() {
        return Stream.of("RSA", "EC")
                .map(kind -> DynamicTest.dynamicTest(kind, () -> {
                    var upstream = upstreamFor("127.0.0.1");
                    var builder =
                            new HeldCertificate.Builder().commonName("edge-a").signedBy(TestAuthority.root());
                    var proxy = (kind.equals("RSA") ? builder.rsa2048() : builder.ecdsa256()).build();
                    Path ca = write("ca.pem", TestAuthority.root().certificatePem());
                    Path both = write("proxy.pem", proxy.privateKeyPkcs8Pem(), proxy.certificatePem());

                    var server = serve(
                            "--target=" + upstream.target(),
                            "--upstream-ca=" + ca,
                            "--upstream-certificate=" + both,
                            "--upstream-key=" + both);
                    var response =
                            loopback.connect(server).sendRequest("GET /x").receiveResponse();

                    assertThat(response.body()).isEqualTo("CN=edge-a");
                }));
    }

    @TestFactory
    Stream<DynamicTest> a_file_that_is_not_what_it_should_be_is_one_sentence_and_exit_code_2() throws Exception {
        var edge = new HeldCertificate.Builder().rsa2048().build();
        var other = new HeldCertificate.Builder().rsa2048().build();
        var elliptic = new HeldCertificate.Builder().ecdsa256().build();
        write("cert.pem", edge.certificatePem());
        write("key.pem", edge.privateKeyPkcs8Pem());
        write("other.pem", other.privateKeyPkcs8Pem());
        write("elliptic.pem", elliptic.privateKeyPkcs8Pem());
        write("rsa.pem", edge.privateKeyPkcs1Pem());
        write("locked.pem", edge.privateKeyPkcs8Pem().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
        write("text.pem", "nothing to see here");
        write("broken.pem", edge.certificatePem().replaceAll("\nMII.*", "\nMIIxxxx"));
        write("base64.pem", "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----");
        write("half.pem", edge.certificatePem().replaceAll("-----END.*", ""));
        write("shuffled.pem", edge.certificatePem(), other.certificatePem());
        String ca = "--upstream-ca must be a file with certificates in PEM form, not ";
        String certificate = "--upstream-certificate must be a file with certificates in PEM form, not ";
        String key =
                "--upstream-key must be a file with an RSA, EC or EdDSA key in PEM form (PKCS#8, not encrypted), not ";
        return BadPem.inFolder(
                folder,
                "--upstream-ca=no.pem >> " + ca + "'no.pem', which cannot be read",
                "--upstream-ca=. >> " + ca + "'.', which cannot be read",
                "--upstream-ca=text.pem >> " + ca + "'text.pem', which has no BEGIN CERTIFICATE",
                "--upstream-ca=key.pem >> " + ca + "'key.pem', which has no BEGIN CERTIFICATE",
                "--upstream-ca=half.pem >> " + ca + "'half.pem', which has no BEGIN CERTIFICATE",
                "--upstream-ca=broken.pem >> " + ca + "'broken.pem', in which one is broken",
                "--upstream-ca=base64.pem >> " + ca + "'base64.pem', in which one is broken",
                "--upstream-certificate=cert.pem >> --upstream-certificate and --upstream-key must be given together",
                "--upstream-key=key.pem >> --upstream-certificate and --upstream-key must be given together",
                "--upstream-certificate=text.pem --upstream-key=key.pem >> " + certificate
                        + "'text.pem', which has no BEGIN CERTIFICATE",
                "--upstream-certificate=shuffled.pem --upstream-key=key.pem >> " + certificate
                        + "'shuffled.pem', in which one certificate is not signed by the next one",
                "--upstream-certificate=cert.pem --upstream-key=no.pem >> " + key + "'no.pem', which cannot be read",
                "--upstream-certificate=cert.pem --upstream-key=cert.pem >> " + key
                        + "'cert.pem', which has no BEGIN PRIVATE KEY",
                "--upstream-certificate=cert.pem --upstream-key=rsa.pem >> " + key
                        + "'rsa.pem', which has BEGIN RSA PRIVATE KEY: convert it with"
                        + " 'openssl pkcs8 -topk8 -nocrypt -in rsa.pem'",
                "--upstream-certificate=cert.pem --upstream-key=locked.pem >> " + key
                        + "'locked.pem', which has BEGIN ENCRYPTED PRIVATE KEY: convert it with"
                        + " 'openssl pkcs8 -topk8 -nocrypt -in locked.pem'",
                "--upstream-certificate=cert.pem --upstream-key=other.pem >> " + key
                        + "'other.pem', which does not belong to the first certificate in 'cert.pem'",
                "--upstream-certificate=cert.pem --upstream-key=elliptic.pem >> " + key
                        + "'elliptic.pem', which does not belong to the first certificate in 'cert.pem'");
    }
}
