package pitfalls.bench;

import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.style.Styler;
import pitfalls.bench.Results.Sample;

/** Results as a page shows them. */
final class Report {
    private static final Color[] COLOURS = { // Okabe and Ito's, which everybody can tell apart
        new Color(0xD55E00),
        new Color(0xE69F00),
        new Color(0x0072B2),
        new Color(0x56B4E9),
        new Color(0x009E73),
        new Color(0xCC79A7),
        new Color(0x999999)
    };

    private final Results results;

    Report(Results results) {
        this.results = results;
    }

    /** The part of that page with that name, which is generated. */
    static String part(String page, String name) {
        String begin = begin(name);
        int from = page.indexOf(begin) + begin.length();
        return page.substring(from, page.indexOf("<!-- end -->\n", from));
    }

    /** Writes that part anew. */
    static void write(Path page, String name, String part) throws IOException {
        String text = Files.readString(page);
        Files.writeString(page, text.replace(begin(name) + part(text, name), begin(name) + part));
    }

    private static String begin(String name) {
        return "<!-- generated: " + name + " -->\n";
    }

    /** Writes the tables of that page, and the picture beside it. */
    void write(Path page) throws IOException {
        write(page, "speed", tables());
        Path picture = page.resolveSibling("speed");
        VectorGraphicsEncoder.saveVectorGraphic(chart(), picture.toString(), VectorGraphicsFormat.SVG);
    }

    /** Everything that was measured, and how far it is from what is wanted. */
    String tables() {
        var text = new StringBuilder();
        for (Figure figure : Figure.values()) text.append(table(figure));
        text.append("The goals:\n\n| goal | bound | reached | holds |\n|---|---|--:|---|\n");
        for (Goal goal : Goal.values()) text.append(goal.line(results).replace("\r\n", "\n"));
        var measured = results.measured();
        measured.forEach((where, rows) -> {
            String labels = rows.stream().map(row -> row.label).collect(Collectors.joining(", ", ": ", ""));
            text.append("\nMeasured on ").append(where).append(measured.size() == 1 ? "" : labels);
            text.append(".\n");
        });
        return text.toString();
    }

    private String table(Figure figure) {
        List<Row> rows =
                Stream.of(Row.values()).filter(row -> results.has(row, figure)).toList();
        if (rows.isEmpty()) return "";
        var text = new StringBuilder("| " + figure.title + " |");
        List<Peer> peers = results.peers();
        for (Peer peer : peers) text.append(' ').append(results.title(peer)).append(" |");
        text.append("\n|---|").append("--:|".repeat(peers.size())).append('\n');
        for (Row row : rows) {
            text.append("| ").append(row.title).append(" |");
            for (Peer peer : peers)
                text.append(' ').append(cell(row, peer, figure)).append(" |");
            text.append('\n');
        }
        return text.append('\n').toString();
    }

    /** The median, and how many times Undertow's that is, with {@code ≈} where the two cannot be told apart. */
    private String cell(Row row, Peer peer, Figure figure) {
        Sample sample = results.get(row, peer, figure);
        if (sample == null) return "–";
        String median = figure.format(sample.median());
        Sample undertow = results.get(row, Peer.UNDERTOW, figure);
        if (undertow == null || peer == Peer.UNDERTOW) return median;
        String ratio = String.format(Locale.ROOT, "%.2f", sample.median() / undertow.median());
        return median + " (" + (sample.differsFrom(undertow) ? "" : "≈\u00a0") + ratio + ")";
    }

    /** A group of bars for each row, a bar for each proxy: its rate as a multiple of Undertow's, with the spread of the rounds. */
    private CategoryChart chart() {
        CategoryChart chart = new CategoryChartBuilder()
                .width(1100)
                .height(480)
                .title("Requests a second, as a multiple of Undertow's")
                .build();
        chart.getStyler()
                .setSeriesColors(COLOURS)
                .setChartBackgroundColor(Color.WHITE)
                .setLegendPosition(Styler.LegendPosition.OutsideS)
                .setLegendLayout(Styler.LegendLayout.Horizontal);
        chart.getStyler()
                .setAvailableSpaceFill(0.9)
                .setXAxisMaxLabelCount(Row.values().length)
                .setPlotGridLinesStroke(new BasicStroke(0.5f))
                .setPlotGridVerticalLinesVisible(false);
        List<Row> rows = Stream.of(Row.values())
                .filter(row -> results.get(row, Peer.UNDERTOW, Figure.PER_SECOND) != null)
                .filter(row -> row != Row.PACED)
                .toList();
        for (Peer peer : results.peers()) {
            List<String> titles = new ArrayList<>();
            List<Double> ratios = new ArrayList<>();
            List<Double> spreads = new ArrayList<>();
            for (Row row : rows) {
                double unit = results.get(row, Peer.UNDERTOW, Figure.PER_SECOND).median();
                Sample sample = results.get(row, peer, Figure.PER_SECOND);
                titles.add(row.label);
                ratios.add(sample == null ? 0 : sample.median() / unit);
                spreads.add(sample == null ? 0 : (sample.most() - sample.least()) / 2 / unit);
            }
            if (!titles.isEmpty()) chart.addSeries(results.title(peer), titles, ratios, spreads);
        }
        return chart;
    }
}
