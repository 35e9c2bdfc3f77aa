package pitfalls.docs;

import static java.util.stream.Collectors.toCollection;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.commonmark.ext.gfm.tables.TableCell;
import org.commonmark.ext.gfm.tables.TableRow;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.Node;
import org.commonmark.node.Text;
import org.junit.jupiter.api.Test;
import pitfalls.program.MetricsOutput;
import pitfalls.support.LoopbackTest;

/** The page of metrics lists those that the program has, with their labels, and the alerts that there are rules for. */
class MetricsPageTest implements LoopbackTest {
    private static final Page PAGE = Page.read(Page.ROOT.resolve("docs/metrics.md"));
    private static final String RULES = Page.textOf(Page.ROOT.resolve("docs/deploy/alerts.yml"));
    private static final String ALERT = "ReverseProxy";

    @Test
    void the_page_has_each_metric_with_its_labels_and_no_other() throws Exception {
        String output = MetricsOutput.afterRequest(loopback, targetOf(loopback.upstream(ok())));

        assertThat(onPage()).isEqualTo(in(output));
    }

    @Test
    void the_rules_are_about_metrics_that_exist() throws Exception {
        String output = MetricsOutput.afterRequest(loopback, targetOf(loopback.upstream(ok())));

        assertThat(found("\\b(http|reverse)_[a-z_]+(?=[\\[{ )])", RULES))
                .isNotEmpty()
                .allSatisfy(name -> assertThat(output).containsPattern("(?m)^" + name + "[{ ]"));
    }

    @Test
    void the_page_has_each_alert_and_no_other() {
        Set<String> onPage = rows().stream()
                .map(row -> row.get(0).get(0))
                .filter(name -> name.startsWith(ALERT))
                .collect(toCollection(TreeSet::new));

        assertThat(onPage).isEqualTo(found("(?<=alert: )\\w+", RULES));
    }

    /** What is code in each row of the page's tables, by cells; in a cell with "; by", only the labels that follow. */
    private static List<List<List<String>>> rows() {
        List<List<List<String>>> rows = new ArrayList<>();
        for (TableRow row : PAGE.all(TableRow.class)) {
            List<List<String>> cells = new ArrayList<>();
            for (Node cell = row.getFirstChild(); cell != null; cell = cell.getNext()) {
                List<String> codes = new ArrayList<>();
                ((TableCell) cell).accept(new AbstractVisitor() {
                    @Override
                    public void visit(Text text) {
                        if (text.getLiteral().endsWith("; by ")) codes.clear();
                    }

                    @Override
                    public void visit(Code code) {
                        codes.add(code.getLiteral());
                    }
                });
                cells.add(codes);
            }
            if (!cells.get(0).isEmpty()) rows.add(cells);
        }
        return rows;
    }

    private static Map<String, Set<String>> onPage() {
        Map<String, Set<String>> metrics = new TreeMap<>();
        for (List<List<String>> row : rows()) {
            String name = row.get(0).get(0);
            if (!name.startsWith(ALERT)) metrics.put(name, new TreeSet<>(row.get(1)));
        }
        return metrics;
    }

    private static Map<String, Set<String>> in(String output) {
        Map<String, Set<String>> metrics = new TreeMap<>();
        for (String name : found("(?m)(?<=^# TYPE )\\w+", output)) {
            String line = output.lines()
                    .filter(one -> one.matches(name + "(_count)?[{ ].*"))
                    .findFirst()
                    .orElseThrow();
            metrics.put(name, found("\\w+(?==\")", line));
        }
        return metrics;
    }

    private static Set<String> found(String regex, String text) {
        Stream<String> matches = Pattern.compile(regex).matcher(text).results().map(match -> match.group());
        return matches.collect(toCollection(TreeSet::new));
    }
}
