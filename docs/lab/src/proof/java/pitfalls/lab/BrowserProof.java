package pitfalls.lab;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.deque.html.axecore.results.Rule;
import com.deque.html.axecore.selenium.AxeBuilder;
import java.io.File;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.interactions.Actions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;

/** The page in a real browser: Chromium without a window. */
class BrowserProof {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final String DROPPED = "a_dropped_connection_costs_a_GET_nothing";

    private static final Path PICTURES = Path.of("").toAbsolutePath().resolve("pictures");

    private static Server server;
    private static URI lab;
    private static ChromeDriver browser;

    @BeforeAll
    static void start() throws Exception {
        Logger.getLogger("org.openqa.selenium").setLevel(Level.SEVERE); // it misses what nobody uses
        File chromium = find("chromium");
        File driver = find("chromedriver");
        server = Lab.server(0);
        server.start();
        Lab.warmUp();
        lab = Lab.address(server);
        var options = new ChromeOptions();
        options.setBinary(chromium);
        options.addArguments("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage");
        browser = new ChromeDriver(
                new ChromeDriverService.Builder()
                        .usingDriverExecutable(driver)
                        .usingAnyFreePort()
                        .withSilent(true)
                        .build(),
                options);
        browser.manage().timeouts().scriptTimeout(PATIENCE);
        look(1280, "light");
    }

    private static File find(String program) {
        var found = Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst();
        assumeTrue(found.isPresent(), "To prove this, install " + program);
        return found.get().toFile();
    }

    @AfterAll
    static void stop() throws Exception {
        if (browser != null) browser.quit();
        if (server != null) server.stop();
    }

    @TestFactory
    Stream<DynamicTest> each_scene_plays_on_both_sides_and_shows_what_its_test_asserts() {
        return Scenes.all().stream()
                .map(scene -> DynamicTest.dynamicTest(scene.title(), () -> {
                    open(scene.id());

                    assertThat(text("h1")).isEqualTo(scene.title());
                    assertThat(text(".before .verdict")).startsWith("The test fails here");
                    assertThat(text(".after .verdict")).startsWith("The test passes here.");
                    assertThat(all(".first .arrow")).as("marks that are framed").isNotEmpty();
                    assertThat(text("#status")).contains(scene.title());
                    assertThat(text("#bytes"))
                            .as("the bytes of the first difference")
                            .isNotBlank();
                    assertThat(text("#about")).contains(scene.test(), scene.command(), scene.place());
                    assertThat(text("#command")).startsWith("printf '").endsWith(" | nc -w 2 127.0.0.1 8080");
                }));
    }

    /** At its best: a busy machine may need longer, but not each time. */
    @Test
    void a_scene_starts_within_300_ms_of_the_click() {
        open(DROPPED);

        long best = Long.MAX_VALUE;
        for (int i = 0; i < 20 && best >= 300; i++) {
            awaitReady();
            best = Math.min(best, (Long) browser.executeAsyncScript("const done = arguments[0];"
                    + "const begin = performance.now();"
                    + "new MutationObserver((changes, observer) => {"
                    + "  if (document.body.dataset.state !== 'running' || !document.querySelector('#sides .arrow')) return;"
                    + "  observer.disconnect(); done(Math.round(performance.now() - begin));"
                    + "}).observe(document.getElementById('sides'), {childList: true});"
                    + "document.getElementById('again').click();"));
        }

        assertThat(best).as("milliseconds until the first mark is drawn").isLessThan(300);
    }

    @Test
    void the_keys_step_through_it_and_play_and_stop() {
        open(DROPPED);
        long rows = (Long) browser.executeScript("return Number(document.getElementById('at').max)");

        press(Keys.HOME);
        assertThat(shown()).isEqualTo(1);
        press(Keys.ARROW_RIGHT);
        press(Keys.ARROW_RIGHT);
        assertThat(shown()).isEqualTo(3);
        press(Keys.ARROW_LEFT);
        assertThat(shown()).isEqualTo(2);
        press(Keys.SPACE);
        assertThat(text("#play")).contains("stop");
        await("return Number(document.getElementById('at').value) >= 4");
        press(Keys.SPACE);
        assertThat(text("#play")).contains("play");
        press(Keys.END);
        assertThat(shown()).isEqualTo(rows);
    }

    @Test
    void a_mark_opens_its_bytes_as_text_and_in_hex() {
        open(DROPPED);

        all(".after .arrow.data").get(0).click();
        assertThat(text("#bytes")).contains("GET /x HTTP/1.1\\r\\n", "Host: www.example.com\\r\\n");
        press("h");
        assertThat(text("#bytes")).contains("0000  47 45 54 20 2f 78 20 48");
        assertThat(browser.findElement(By.id("hex")).getDomAttribute("aria-pressed"))
                .isEqualTo("true");
        press("h");
    }

    @Test
    void a_link_opens_its_scene_and_the_list_leads_to_the_others() {
        open("bytes_pass_in_both_directions");
        assertThat(browser.getTitle()).startsWith("bytes pass in both directions");

        browser.findElement(By.linkText("a method keeps its case")).click();
        await("return document.querySelector('h1').textContent === 'a method keeps its case'");
        awaitReady();
        press("n");
        await("return location.hash === '#" + DROPPED + "'");
        awaitReady();
        browser.navigate().back();
        await("return document.querySelector('h1').textContent === 'a method keeps its case'");
        awaitReady();
    }

    @Test
    void everything_can_be_reached_by_the_tab_key_and_marks_be_opened_by_enter() {
        open(DROPPED);

        browser.executeScript("document.getElementById('again').focus()");
        press(Keys.TAB);
        WebElement first = browser.switchTo().activeElement();
        assertThat(first.getAccessibleName()).isEqualTo("0 ms, client to proxy: connects");
        first.sendKeys(Keys.TAB);
        WebElement second = browser.switchTo().activeElement();
        assertThat(second.getAccessibleName()).contains("client to proxy: GET /x");
        second.sendKeys(Keys.ENTER);
        assertThat(text("#bytes")).contains("GET /x HTTP/1.1");
        assertThat(browser.switchTo().activeElement().getAccessibleName()).contains("client to proxy: GET /x");
    }

    @Test
    void an_exercise_is_shown_beside_what_is_wanted() {
        open("mine/4/" + DROPPED);

        assertThat(text(".before h2")).contains("your exercise", "what you have");
        assertThat(text(".before .verdict")).startsWith("The test fails here: the status of a GET");
        assertThat(text(".after h2")).contains("step 4", "what is wanted");
        assertThat(text(".after .verdict")).startsWith("The test passes here.");
    }

    @Test
    void a_bench_is_put_together_by_keys_alone_and_its_link_brings_the_same_again() {
        open("bench");
        assertThat(text(".before .verdict")).contains("The client gets 502 Bad Gateway");
        assertThat(text(".after .verdict")).contains("The client gets 200 OK");

        browser.executeScript("document.getElementById('stage').focus()");
        tabTo("step");
        press("2");
        tabTo("Remove move 2 of the upstream");
        for (int i = 0; i < 4; i++) press(Keys.ENTER);
        for (String move : List.of("status", "header", "ends")) {
            tabTo("+ a move of the upstream");
            press(Keys.ENTER);
            press(move);
        }
        press(Keys.TAB);
        tabTo("▶ Run it");
        press(Keys.ENTER);
        awaitReady();

        assertThat(text(".before h2")).contains("step 1", "the step before");
        assertThat(text(".after .verdict")).contains("The client gets 502 Bad Gateway, the whole response.");
        assertThat(all(".first .arrow")).as("marks that are framed").isNotEmpty();
        assertThat(text("#status")).isEqualTo("The frame marks the first difference.");
        String verdict = text(".before .verdict");
        browser.navigate().refresh();
        awaitReady();
        assertThat(browser.getCurrentUrl()).contains("#bench=").contains("%22close%22");
        assertThat(all("#upstream li")).hasSize(4);
        assertThat(text(".before .verdict")).isEqualTo(verdict);
    }

    @Test
    void the_bench_is_copied_as_a_link_and_as_a_test() {
        browser.executeCdpCommand(
                "Browser.grantPermissions",
                Map.of("permissions", List.of("clipboardReadWrite", "clipboardSanitizedWrite")));
        open("bench");

        browser.findElement(By.id("copy-link")).click();
        await("return document.getElementById('status').textContent === 'Copied.'");
        assertThat(clipboard()).isEqualTo(browser.getCurrentUrl());
        browser.executeScript("document.getElementById('status').textContent = ''");
        browser.findElement(By.id("copy-java")).click();
        await("return document.getElementById('status').textContent === 'Copied.'");
        assertThat(clipboard()).startsWith("package pitfalls.step04;").contains("class BenchTest implements LoopbackTest");
    }

    @Test
    void step_1_stands_alone_on_the_bench() {
        open("bench=" + encoded("{'step':1,'upstream':['take','answer hello'],'client':['request GET /x','field Host: a','response']}"));

        assertThat(all("#sides .side")).hasSize(1);
        assertThat(text(".after .verdict")).contains("The client gets 200 OK");
        assertThat(text("#status")).isEqualTo("There is no step before step 1.");
    }

    @Test
    void what_is_wrong_on_the_bench_is_told() {
        browser.get("about:blank");
        browser.get(lab + "#bench=" + encoded("{'step':2,'upstream':['wait 5000'],'client':['response']}"));

        await("return document.body.dataset.state === 'broken'");
        assertThat(text("#status")).isEqualTo("'wait 5000' does not work. Write for instance: wait 300");
    }

    @Test
    void each_lane_is_a_list_too() {
        open(DROPPED);

        browser.executeScript("document.querySelector('details.lists').open = true");
        assertThat(all(".lists h4")).hasSize(8);
        assertThat(text(".lists section:nth-child(2)"))
                .contains("proxy to upstream, connection 2: GET /x", "upstream to proxy (", "proxy to client: 200 OK");
    }

    @TestFactory
    Stream<DynamicTest> nothing_keeps_anybody_from_using_it() {
        return Stream.of("400 light", "400 dark", "830 light", "1280 light", "1280 dark")
                .flatMap(how -> Stream.of("a_client_that_leaves_frees_the_upstream", "bench")
                        .map(scene -> how + " " + scene))
                .map(how -> DynamicTest.dynamicTest(how, () -> {
                    look(Integer.parseInt(how.split(" ")[0]), how.split(" ")[1]);
                    try {
                        open(how.split(" ")[2]);
                        browser.executeScript("document.querySelectorAll('main details').forEach(each => each.open = true)");

                        List<Rule> violations =
                                new AxeBuilder().analyze(browser).getViolations();

                        assertThat(violations)
                                .as("what axe finds")
                                .extracting(rule -> rule.getId() + ": " + rule.getHelp() + " " + rule.getNodes())
                                .isEmpty();
                        assertThat((Long) browser.executeScript(
                                        "return document.documentElement.scrollWidth - innerWidth"))
                                .as("pixels to scroll to the side")
                                .isLessThanOrEqualTo(0);
                    } finally {
                        look(1280, "light");
                    }
                }));
    }

    /** In the order of the steps: what the READMEs show. {@code -Dupdate} writes the pictures anew. */
    @TestFactory
    Stream<DynamicTest> the_pictures_of_the_READMEs_are_those_of_the_lab() {
        return Scenes.pictured()
                .map(scene -> DynamicTest.dynamicTest(scene.title(), () -> {
                    open(scene.id());
                    String link = browser.findElement(By.id("svg")).getDomAttribute("href");
                    String svg = URLDecoder.decode(
                            link.substring(link.indexOf(',') + 1).replace("+", "%2B"), UTF_8);
                    Path file = PICTURES.resolve(scene.folder() + ".svg");
                    if (System.getProperty("update") != null) Files.writeString(file, svg);

                    assertThat(texts(svg))
                            .as("the texts of %s, which -Dupdate writes anew", file)
                            .isEqualTo(texts(Files.readString(file)));
                    assertThat(svg.lines().filter(line -> line.contains("class=\"first\"")))
                            .as("the frame")
                            .hasSizeBetween(1, 2);
                }));
    }

    /**
     * Sorted, since what happens at the same moment is in one order today and in the other tomorrow; and without parts of bodies,
     * which come in as many pieces as the machine likes.
     */
    private static List<String> texts(String svg) {
        return Pattern.compile("<text([^>]*)>([^<]*)</text>")
                .matcher(svg)
                .results()
                .filter(found -> !found.group(1).contains(" rest\""))
                .map(found -> found.group(2))
                .sorted()
                .toList();
    }

    @Test
    void the_browser_has_nothing_to_complain_about() {
        open(DROPPED);

        assertThat(browser.manage().logs().get(LogType.BROWSER).getAll())
                .extracting(LogEntry::getMessage)
                .isEmpty();
    }

    private static void look(int width, String mode) {
        browser.executeCdpCommand(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", 1000, "deviceScaleFactor", 1, "mobile", false));
        browser.executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", mode))));
    }

    private static void open(String id) {
        browser.get("about:blank");
        browser.get(lab + "#" + id);
        awaitReady();
    }

    private static void awaitReady() {
        await("return document.body.dataset.state === 'ready'");
    }

    /** Waits in the browser until the script returns true. */
    private static void await(String script) {
        boolean isTrue = (Boolean) browser.executeAsyncScript(
                "const done = arguments[arguments.length - 1]; const ask = new Function(arguments[0]);"
                        + "const end = performance.now() + " + PATIENCE.toMillis() / 2 + ";"
                        + "(function look() { if (ask()) done(true); else if (performance.now() > end) done(false);"
                        + " else setTimeout(look, 10); })();",
                script);
        assertThat(isTrue).as(script).isTrue();
    }

    /** Presses the tab key until the element of that name has the focus. */
    private static void tabTo(String name) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < 100 && !names.contains(name); i++) {
            press(Keys.TAB);
            names.add(browser.switchTo().activeElement().getAccessibleName());
        }
        assertThat(names).as("what the tab key reaches").contains(name);
    }

    private static String encoded(String json) {
        return URLEncoder.encode(json.replace('\'', '"'), UTF_8).replace("+", "%20");
    }

    private static String clipboard() {
        return (String) browser.executeAsyncScript("navigator.clipboard.readText().then(arguments[0])");
    }

    private static void press(CharSequence key) {
        new Actions(browser).sendKeys(key).perform();
    }

    private static long shown() {
        return (Long) browser.executeScript("return Number(document.getElementById('at').value)");
    }

    private static String text(String selector) {
        return browser.findElement(By.cssSelector(selector)).getText();
    }

    private static List<WebElement> all(String selector) {
        return browser.findElements(By.cssSelector(selector));
    }
}
