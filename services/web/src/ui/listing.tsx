import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorNotice, Loading } from "./notice";
import { Pager } from "./page";

interface Props {
  /** A page of the list. */
  answer: UseQueryResult<{ nextPageToken?: string }, Error>;
  /** What it lists, such as "members". */
  title: string;
  /** The columns' heads; an empty one stands over actions. */
  columns: string[];
  /** One for each item. */
  rows: ReactNode[];
  /** What to show in the place of no rows. */
  empty: ReactNode;
  page: string;
  onPage(token: string): void;
}

/** A list in pages: a table, or what there is to say instead. */
export function Listing({ answer, title, columns, rows, empty, page, onPage }: Props) {
  return (
    <>
      <ErrorNotice error={answer.error} onRetry={() => void answer.refetch()} />
      {answer.isPending ? <Loading what={title} /> : null}
      {answer.data && !rows.length ? empty : null}
      {rows.length ? (
        <div className="table-scroll">
          <table className="cards">
            <caption className="sr-only">{title}</caption>
            <thead>
              <tr>
                {columns.map((name) => (
                  <th key={name} scope="col">
                    {name || <span className="sr-only">Actions</span>}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>{rows}</tbody>
          </table>
        </div>
      ) : null}
      <Pager token={page} next={answer.data?.nextPageToken} onChoose={onPage} />
    </>
  );
}
